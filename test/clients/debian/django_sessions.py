# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""Django's cache sessions over django-redis: django_sessions.py begin|end PORT PASSWORD ids"""
import sys
import time

import django
from django.conf import settings

phase, port, password, *ids = sys.argv[1:]


def cache(secret, database):
    # django-redis shares connections by URL, whatever the password.
    return {"BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": f"redis://127.0.0.1:{port}/{database}",
            "OPTIONS": {"CLIENT_CLASS": "django_redis.client.DefaultClient", "PASSWORD": secret}}


settings.configure(
    SECRET_KEY="a test has no secrets", USE_TZ=True,
    CACHES={"default": cache(password, 1), "wrong": cache("wrong", 2)},
    SESSION_ENGINE="django.contrib.sessions.backends.cache", SESSION_CACHE_ALIAS="default")
django.setup()

from django.contrib.sessions.backends.cache import SessionStore  # noqa: E402
from django.core.cache import caches  # noqa: E402


def login(user, age):
    session = SessionStore()
    session.set_expiry(age)
    session["user"] = user
    session.create()
    session.save()
    return session.session_key


if phase == "begin":
    try:
        caches["wrong"].get("x")
        sys.exit("a wrong password was accepted")
    except Exception as refused:  # django-redis wraps what redis-py says
        assert "WRONGPASS" in str(refused), refused
    alice, short, bob = login("alice", 3600), login("short", 1), login("bob", 3600)
    session = SessionStore(alice)
    session["visits"] = session.get("visits", 0) + 1
    session.save()
    store = caches["default"]
    assert store.add("once", 1, 60) and not store.add("once", 2, 60)
    assert store.incr("once") == 2
    store.set_many({"a": 1, "b": 2})
    assert store.get_many(["a", "b", "c"]) == {"a": 1, "b": 2}
    with store.lock("a lock", timeout=5) as lock:
        lock.extend(5)
        lock.reacquire()
        assert not store.lock("a lock", timeout=5, blocking_timeout=0).acquire()
    assert sorted(store.keys("*")) and store.ttl("once") <= 60
    time.sleep(1.2)
    print(alice, short, bob)
else:
    alice, short, bob = ids
    session = SessionStore(alice)
    assert session["user"] == "alice" and session["visits"] == 1, dict(session.items())
    session.cycle_key()
    assert not SessionStore().exists(alice) and session["user"] == "alice"
    renamed = session.session_key
    session.flush()
    assert not SessionStore().exists(renamed), "alice is not logged out"
    assert SessionStore(short).get("user") is None, "the short session has not expired"
    assert SessionStore(bob)["user"] == "bob"
