"""What shows that the campaign's checker can find something: planted bugs, and stock Celery."""
