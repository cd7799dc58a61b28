"""One turn: what the model gets to see, the loop over model steps and tool calls, cancellation."""
