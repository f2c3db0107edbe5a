"""The JSON face: HTTP in, one call of the manager, JSON out. Nothing here decides anything.

`application.build` makes the app. A request passes `edge` (headers, the last net for errors), then `route` (who asks, what is
in the query and the body), then an endpoint in `routes`; what it answers has a model in `schemas`. Whatever is refused, here or
below, becomes a problem document in `problems`.
"""
