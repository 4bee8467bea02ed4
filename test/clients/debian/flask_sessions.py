# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
"""Flask-Session over redis-py: flask_sessions.py begin|end PORT PASSWORD cookies"""
import datetime
import sys
import time

import redis
from flask import Flask, request, session
from flask_session import Session

phase, port, password, *cookies = sys.argv[1:]


def make_app(seconds):
    app = Flask(__name__)
    app.config.update(
        SESSION_TYPE="redis", SESSION_REDIS=redis.Redis(port=int(port), password=password),
        PERMANENT_SESSION_LIFETIME=datetime.timedelta(seconds=seconds), TESTING=True)
    Session(app)

    @app.route("/login/<user>")
    def login(user):
        session.permanent = True
        session["user"], session["visits"] = user, 0
        return ""

    @app.route("/me")
    def me():
        if "user" not in session:
            return "nobody"
        session["visits"] += 1
        return f"{session['user']} {session['visits']}"

    @app.route("/logout")
    def logout():
        session.clear()
        return ""

    return app


def ask(app, where, cookie=None):
    client = app.test_client()
    if cookie:
        client.set_cookie("localhost", "session", cookie)
    answer = client.get(where)
    assert answer.status_code == 200, answer.status
    kept = next((c.value for c in client.cookie_jar if c.name == "session"), None)
    return answer.get_data(as_text=True), kept


if phase == "begin":
    try:
        redis.Redis(port=int(port), password="wrong").ping()
        sys.exit("a wrong password was accepted")
    except redis.exceptions.RedisError:
        pass
    app = make_app(3600)
    alice, short, bob = (ask(make_app(age), f"/login/{user}")[1]
                         for user, age in (("alice", 3600), ("short", 1), ("bob", 3600)))
    assert ask(app, "/me", alice)[0] == "alice 1"
    assert ask(app, "/me", alice)[0] == "alice 2"
    time.sleep(1.2)
    print(alice, short, bob)
else:
    alice, short, bob = cookies
    app = make_app(3600)
    assert ask(app, "/me", alice)[0] == "alice 3"
    assert ask(app, "/me", short)[0] == "nobody", "the short session has not expired"
    ask(app, "/logout", alice)
    assert ask(app, "/me", alice)[0] == "nobody", "alice is not logged out"
    assert ask(app, "/me", bob)[0] == "bob 1"
