"""What people say back besides reviews: changes, improvement actions, checks, test results, labels and decisions."""
