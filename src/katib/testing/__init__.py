"""What tests are made of, shipped so that authors of plug-ins have it too.

Here live the contract test classes (inherit one, name the implementation, and every promise of
the port is tested), builders of resources as admission leaves them, and fakes. Anything may be
imported here, and nothing outside of tests imports this room.
"""
