# SPDX-License-Identifier: MIT
"""manifest.bin: the form that the supervisor reads. The other side is rs/manifest.h."""
import struct

from .image import CARE, RULES

MAGIC = 0x324D4D5352
HEADER = struct.Struct("<QIIIIII")
SERVICE = struct.Struct("<8I4Q10I2I6I2Q")
HANDLE = struct.Struct("<II3QII")
FLAGS = {"spare": 1, "reboot": 2, "check_moves": 4, "late": 8}
KINDS = {"port": 1, "io": 2, "mmio": 3, "irqs": 4, "irq": 5, "dma": 6, "ecam": 7, "supervisor": 8}
assert (HEADER.size, SERVICE.size, HANDLE.size) == (32, 152, 40)


class _Strings:
    def __init__(self):
        self.blob, self.known = bytearray(b"\0"), {"": 0}

    def offset(self, text):
        if text not in self.known:
            self.known[text] = len(self.blob)
            self.blob += text.encode() + b"\0"
        return self.known[text]


def encode(image):
    strings = _Strings()
    index = {service.name: number for number, service in enumerate(image.services)}
    services, handles, count = bytearray(), bytearray(), 0
    for service in image.services:
        values = service.values
        needs = sum(1 << index[needed] for needed in values["needs"])
        services += SERVICE.pack(
            strings.offset(service.name), strings.offset(values["module"]), strings.offset(values["args"]),
            count, len(service.handles), values["priority"], values["budget_us"], values["period_us"],
            needs, values["quota"], values["stack"], values["heap"], *(values[rule] for rule in RULES), values["may"],
            FLAGS["spare"] * values["spare"] + FLAGS["reboot"] * (values["last_resort"] == "reboot")
            + FLAGS["check_moves"] * values["check_moves"] + FLAGS["late"] * values["late"],
            *(values[key] for key in CARE), values["undo"], values["checkpoint"])
        for handle in service.handles:
            a = index[handle.port] if handle.port else handle.a
            handles += HANDLE.pack(strings.offset(handle.name), KINDS[handle.kind], a, handle.b, handle.badge, handle.rights, 0)
        count += len(service.handles)
    name = strings.offset(image.name)
    total = HEADER.size + len(services) + len(handles) + len(strings.blob)
    return HEADER.pack(MAGIC, total, len(image.services), count, len(strings.blob), name, 0) + services + handles + strings.blob
