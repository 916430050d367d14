"""How people sign in to a hub, and what their sign-in lets them do."""
