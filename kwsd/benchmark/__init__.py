"""What listening costs on this machine: processor time, memory, latency, and how much a device could bear."""
