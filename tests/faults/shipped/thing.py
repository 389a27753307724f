# A service that goes bad in the way it is told: thing.py FOLDER PORT. It answers over HTTP, and looks every 20 ms for files
# in FOLDER that say what is to go wrong now; those are removed when it has. What stands in FOLDER/from-the-start goes wrong
# at every start, what stands in FOLDER/fails-once at the next start only.
import http.server, os, sqlite3, sys, threading, time

folder, port = sys.argv[1], int(sys.argv[2])
held, state = [], {"wedged": False, "stuck": False}
sending = threading.Lock()


def at(name):
    return os.path.join(folder, name)


def go_wrong(how):
    if how == "die":
        os._exit(1)
    elif how == "wedge":
        state["wedged"] = True
    elif how == "stick":
        with sending:
            state["stuck"] = True
    elif how == "leak":
        held.extend(open("/dev/null") for _ in range(52))
    elif how == "grow":
        held.append(bytearray(int(open(at("grows-to")).read())))
        for place in range(0, len(held[-1]), 4096):
            held[-1][place] = 1


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        while state["wedged"]:
            time.sleep(1)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"well\n")

    def log_message(self, *_):
        pass


def deliver():
    database = sqlite3.connect(at("outbox.db"), timeout=5)
    while True:
        with sending:
            if not state["stuck"]:
                database.execute("UPDATE outbox SET sent_at = ? WHERE sent_at IS NULL", (time.time(),))
                database.commit()
        time.sleep(0.05)


for name in ("fails-once", "from-the-start"):
    if os.path.exists(at(name)):
        with open(at(name)) as file:
            how = file.read().strip()
        if name == "fails-once":
            os.remove(at(name))
        go_wrong(how)


def bound():
    # Somebody's outgoing connection may have the port for a moment.
    while True:
        try:
            return http.server.ThreadingHTTPServer(("127.0.0.1", port), Answers)
        except OSError:
            time.sleep(0.1)


server = bound()
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
if os.path.exists(at("outbox.db")):
    threading.Thread(target=deliver, daemon=True).start()
while True:
    for how in ("die", "wedge", "stick", "leak", "grow"):
        if os.path.exists(at(how)):
            # Whoever wrote `stick` waits for it to go before a message is put in; the others may be killed meanwhile,
            # and must not go wrong again at their next start.
            if how != "stick":
                os.remove(at(how))
            go_wrong(how)
            if how == "stick":
                os.remove(at(how))
    time.sleep(0.02)
