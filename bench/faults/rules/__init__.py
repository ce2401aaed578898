"""What has to hold after a campaign: each rule a function of its own, with a stable code.

A rule is here only if the design promises it without an exception. Runs are not among them: a job
whose worker was killed runs again, and so does one whose worker stood still for longer than its
lease, while the first run goes on. What is promised is that one attempt is begun once, that only
the newest one settles the job, and that this happens once.
"""
