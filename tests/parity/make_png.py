"""Small PNG files written by Pillow in every colour type, with the pixels they hold over black.

Writes png.json next to this file: { name: { png: hex, width, height, channels, pixels: hex } }.
Needs Pillow and numpy.
"""
import io
import json
import pathlib

import numpy as np
from PIL import Image

rng = np.random.default_rng(0)
colour = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
alpha = np.full((5, 7, 1), 255, dtype=np.uint8)
alpha[1:3] = 0
images = {
    "rgb": Image.fromarray(colour),
    "grey": Image.fromarray(colour[:, :, 0]),
    "rgba": Image.fromarray(np.concatenate([colour, alpha], 2)),
    "palette": Image.fromarray(colour).quantize(8),
    "bilevel": Image.fromarray(colour[:, :, 1]).convert("1"),
}
out = {}
for name, image in images.items():
    file = io.BytesIO()
    image.save(file, "PNG")
    if name == "rgba":
        plain = Image.new("RGB", image.size)
        plain.paste(image, mask=image.getchannel("A"))
    else:
        plain = image.convert("L" if name in ("grey", "bilevel") else "RGB")
    out[name] = {
        "png": file.getvalue().hex(),
        "width": image.width,
        "height": image.height,
        "channels": len(plain.getbands()),
        "pixels": plain.tobytes().hex(),
    }
path = pathlib.Path(__file__).with_name("png.json")
path.write_text(json.dumps(out, indent=1) + "\n")
