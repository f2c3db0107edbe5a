"""The JSON face: one router per noun over the manager."""
