"""Sample tasks over two queues, `fast` and `slow`; none of them needs the network.

countersign catalog build --tasks examples.tasks --output catalog.json
"""

from examples.tasks import demo, documents, payments, webhooks

__all__ = ["demo", "documents", "payments", "webhooks"]
