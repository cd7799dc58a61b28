"""Trust: the policy outside the model, approvals by a person, and what taints a turn."""
