"""What all HTTP interfaces of the gateway share: who asks, and what answers."""
