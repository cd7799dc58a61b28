"""What happens to records as they age, and the repair of what can be made again."""
