"""moto's server, which writes down what our programs call it for: program, service and operation, a line each.

Usage: moto_noted.py LOG ARGUMENTS-OF-MOTO...; moto itself is not changed, only wrapped.
"""

import io
import re
import sys
import threading
import urllib.parse

import moto.server

# What S3 is asked by method alone, as far as our programs do.
OBJECTS = {"GET": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject", "HEAD": "HeadObject"}


def noted(request):
    """Program, service and operation of a request, by what the client calls itself and what it has signed for;
    `None` if it is none of ours. Sources: AWS SDKs and Tools reference guide, "Application ID"; IAM user guide,
    "Elements of an AWS API request signature"; Smithy, "Smithy RPC v2 CBOR protocol"."""
    header = lambda name: request.get(f"HTTP_{name}", "")
    program = re.search(r"\bapp/(plimsoll-[a-z]+)-", header("USER_AGENT"))
    scope = re.search(r"Credential=[^/,]+/[^/,]+/[^/,]+/([^/,]+)/aws4_request", header("AUTHORIZATION"))
    if not program or not scope:
        return None
    target = header("X_AMZ_TARGET").rpartition(".")[2]
    operation = target or request["PATH_INFO"].partition("/operation/")[2] or action(request)
    return program[1], scope[1], operation or OBJECTS.get(request["REQUEST_METHOD"], "?")


def action(request):
    """The operation of a form, whose body is then there to be read again."""
    if not request.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return ""
    body = request["wsgi.input"].read(int(request.get("CONTENT_LENGTH") or 0))
    request["wsgi.input"] = io.BytesIO(body)
    return dict(urllib.parse.parse_qsl(body.decode())).get("Action", "")


class Noting:
    """An application that looks at a request and hands it on as it came."""

    def __init__(self, application, log):
        self.application, self.log = application, log
        self.known, self.lock = set(), threading.Lock()

    def __call__(self, request, start_response):
        call = noted(request)
        with self.lock:
            if call and call not in self.known:
                self.known.add(call)
                with open(self.log, "a", encoding="utf-8") as log:
                    log.write(" ".join(call) + "\n")
        return self.application(request, start_response)


if __name__ == "__main__":
    run_simple = moto.server.run_simple
    moto.server.run_simple = lambda host, port, application, **more: run_simple(
        host, port, Noting(application, sys.argv[1]), **more
    )
    moto.server.main(sys.argv[2:])
