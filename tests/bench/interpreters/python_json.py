import json
from json import decoder, encoder, scanner
make = encoder.py_encode_basestring_ascii
encoder.c_make_encoder = None
decoder.scanstring = decoder.py_scanstring
class Decoder(json.JSONDecoder):
    def __init__(self):
        super().__init__()
        self.parse_string = decoder.py_scanstring
        self.scan_once = scanner.py_make_scanner(self)
data = [{"id": i, "name": "n%d" % (i * 7), "tags": ["a", "b\n", str(i)], "x": i / 8, "ok": i % 3 == 0} for i in range(2500)]
total = 0
for round in range(7):
    text = json.dumps(data)
    back = Decoder().decode(text)
    total += len(text) + len(back) + json.loads(text)[round]["id"]
print(total)
