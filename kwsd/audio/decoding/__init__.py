"""Recordings and pipes: what decodes them, and tells where they end too soon."""
