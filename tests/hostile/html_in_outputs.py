"""Cells show pages, scripts, pictures with scripts, and escapes of terminals; functions return and raise them."""

from submissions import insert, replace, write

_EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\\x1b]0;title\\x07\\x1b[2J\\u202eedoc"
LOST = {
    "check_relu_backward": "relu_backward raised Exception: <script>",
    "check_tanh_backward": "gave a <img src=x onerror=alert(1)> for dx",
}
SHOWN = ["<script>alert(1)</script>"]


def hand_in(folder, notebook):
    source = f"""
from IPython.display import HTML, SVG, Javascript, Latex, Markdown, IFrame, Image, JSON, display, publish_display_data
EVIL = "{_EVIL}"
for kind in (HTML, Markdown, Latex, Javascript, JSON):
    display(kind(EVIL if kind is not JSON else [EVIL]))
display(SVG("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script></svg>"))
display(IFrame("javascript:alert(1)", 100, 100), Image(url="https://example.org/x.png"))
publish_display_data({{"image/png": EVIL, "application/vnd.jupyter.widget-view+json": {{}}, "text/x-evil": EVIL}})
publish_display_data({{"text/html": EVIL, "text/plain": EVIL, "image/jpeg": "/9j/" + EVIL}})
print(EVIL)
class Evil:
    def __repr__(self):
        return EVIL
    def _repr_html_(self):
        return EVIL
    def _repr_mimebundle_(self, **options):
        return {{"text/html": EVIL, "application/javascript": EVIL}}
Evil()
"""
    insert(notebook, source)
    insert(notebook, "import matplotlib.pyplot as plt\nplt.plot([1]); plt.title(EVIL)")
    insert(notebook, "raise type(EVIL, (Exception,), {})(EVIL)")
    insert(notebook, "Evil()")
    replace(notebook, "relu_backward", "def relu_backward(dout, cache):\n    raise Exception(EVIL)")
    odd = "def tanh_backward(dout, cache):\n    print(EVIL)\n    return type('<img src=x onerror=alert(1)>', (), {})()"
    replace(notebook, "tanh_backward", odd)
    write(folder, notebook)
