"""`python -m natgate.lab.ec2 LAB`: a lab's cloud, in the namespace of its host."""

import logging
import os
import signal
import socket
import sys
import threading
from socketserver import BaseServer
from types import FrameType

from natgate.lab import control, record
from natgate.lab.ec2.cloud import Cloud
from natgate.lab.ec2.endpoint import Application
from natgate.lab.ec2.machines import NodeMachines, say
from natgate.lab.ec2.mirror import Mirror
from natgate.lab.ec2.referee import Referee, setup_of
from natgate.lab.ec2.settings import CloudTimes
from natgate.lab.namespace import NETNS
from natgate.lab.scene import VPC
from natgate.lab.vpc import API, METADATA, control_path
from natgate.model.error import NatgateError

PORT = 80
TIMES_ENV = "NATGATE_LAB_CLOUD"


def serve(name: str) -> None:
    """Serve until SIGTERM."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    lab = record.find(name)
    times = CloudTimes.model_validate_json(os.environ.get(TIMES_ENV, "{}"))
    machines = NodeMachines(lab, say)
    cloud = Cloud(lab.scene, machines, times)
    setup = setup_of(lab.scene, cloud.world.tables, times)
    if setup is None:
        say("no referee: no share is moved by routes, or a zone has several nodes; agents decide")
    referee = Referee(setup)
    mirror = Mirror(cloud.world, lab.namespace(VPC), NETNS)
    cloud.begin(mirror.sync, referee.tell)
    servers = [_server(API, cloud.api), _server(METADATA, cloud.metadata)]
    controller = control.serve(control_path(lab.directory), cloud.act)
    for each in (*servers, controller):
        threading.Thread(target=each.serve_forever, daemon=True).start()
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    say(f"the API answers at http://{API}, metadata at http://{METADATA}")
    cloud.run(ended)
    referee.end()
    machines.end()
    mirror.close()


def _server(address: str, application: Application) -> BaseServer:
    """A server of one address; it is given its socket, or it would ask the DNS for its name."""
    from werkzeug.serving import make_server  # noqa: PLC0415 (an extra)

    with socket.create_server((address, PORT), backlog=128) as listener:
        made: BaseServer = make_server(
            address, PORT, application, threaded=True, fd=listener.fileno()
        )
    return made


if __name__ == "__main__":
    os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    try:
        serve(sys.argv[1])
    except NatgateError as error:
        say(str(error))
        sys.exit(1)
