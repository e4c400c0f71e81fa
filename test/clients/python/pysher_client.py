"""A stock client of Pusher in Python: what it is told, as one line of JSON. Arguments: port, key, secret."""

import json
import os
import queue
import sys

import pysher

PORT, KEY, SECRET = sys.argv[1:4]
PATIENCE_SECONDS = 30
told = queue.Queue()


def connected(_data):
    for name in ("news", "private-news"):
        channel = client.subscribe(name)
        channel.bind("note", lambda data, name=name: told.put([name, data]))
        channel.bind(
            "pusher_internal:subscription_succeeded", lambda _data, name=name: print(name, file=sys.stderr, flush=True)
        )


client = pysher.Pusher(KEY, secret=SECRET, custom_host="127.0.0.1", port=int(PORT), secure=False)
client.connection.bind("pusher:connection_established", connected)
client.connect()
print(json.dumps(sorted(told.get(timeout=PATIENCE_SECONDS) for _ in range(2))), flush=True)
# Its threads would keep it going.
os._exit(0)
