"""Another machine: OpenSSH, rsync, the road to an annealer."""
