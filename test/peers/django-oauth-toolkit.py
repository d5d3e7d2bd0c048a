# Django OAuth Toolkit in a process of its own, as Debian packages it. Alice is logged in in every browser, and agrees on its own page.
# Prints its issuer, then a line for each request.
import secrets
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.core.management import call_command

server = make_server("127.0.0.1", 0, None, handler_class=type("Quiet", (WSGIRequestHandler,), {"log_message": lambda *_: None}))
base = "http://127.0.0.1:%d" % server.server_port


def alice(get_response):
    """Stands for a login that Django's own pages would have done."""

    def middleware(request):
        from django.contrib.auth import get_user_model

        request.user = get_user_model().objects.get(username="alice")
        response = get_response(request)
        print(request.method, request.path, response.status_code, flush=True)
        return response

    return middleware


from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

key = rsa.generate_private_key(65537, 2048).private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
settings.configure(
    SECRET_KEY=secrets.token_hex(),
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.staticfiles", "oauth2_provider"],
    STATIC_URL="/static/",
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", __name__ + ".alice"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {"context_processors": ["django.template.context_processors.request"]}}],
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True,
        "OIDC_ISS_ENDPOINT": base + "/o",
        "OIDC_RSA_PRIVATE_KEY": key.decode(),
        "PKCE_REQUIRED": True,
        "SCOPES": {"openid": "who you are", "email": "your address", "read": "to read"},
        "ALLOWED_REDIRECT_URI_SCHEMES": ["http", "https"],
        "ROTATE_REFRESH_TOKEN": True,
        "REFRESH_TOKEN_REUSE_PROTECTION": True,
        "ACCESS_TOKEN_EXPIRE_SECONDS": 3600,
    },
)
django.setup()

from django.core.handlers.wsgi import WSGIHandler
from django.contrib.auth import get_user_model
from django.urls import include, path
from django.utils import timezone

urlpatterns = [path("o/", include("oauth2_provider.urls", namespace="oauth2_provider"))]

call_command("migrate", verbosity=0)
get_user_model().objects.create_user("alice", "alice@example.com", "correct horse", last_login=timezone.now())
from oauth2_provider.models import get_application_model

get_application_model().objects.create(
    name="spec-kitty",
    client_id="cli_native",
    client_type="public",
    client_secret="",
    authorization_grant_type="authorization-code",
    redirect_uris="http://127.0.0.1/callback/django",
    algorithm="RS256",
)
server.set_app(WSGIHandler())
print(base + "/o", flush=True)
server.serve_forever()
