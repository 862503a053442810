"""Measures what listening costs on this machine: processor time, memory, latency, and throughput."""
