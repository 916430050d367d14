"""The pages that HAProxy itself answers with: small, whole in one file, light and dark."""

from html import escape

_STYLE = (
    ":root{color-scheme:light dark;--page:#f7f7f8;--card:#fff;--text:#1b1d22;--soft:#565b66;"
    "--line:#dcdee3;--go:#0b5cad}"
    "@media(prefers-color-scheme:dark){:root{--page:#15171b;--card:#1e2126;--text:#eceef2;--soft:#a9afbb;"
    "--line:#343941;--go:#8cc2ff}}"
    "*{box-sizing:border-box}"
    "body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--page);"
    "color:var(--text);font:1rem/1.6 system-ui,sans-serif}"
    "main{max-width:34rem;width:100%;padding:2rem;background:var(--card);border:1px solid var(--line);"
    "border-radius:.75rem}"
    "h1{margin:0 0 1rem;font-size:1.5rem;line-height:1.25}p{margin:0 0 1rem}"
    "a{color:var(--go)}footer{color:var(--soft);font-size:.875rem}"
)


def page(title: str, *paragraphs: str, quote: str, again_s: int = 0, home: bool = True) -> str:
    """Return an HTML page: what happened, what to do, and what to quote when asking for help.

    `again_s` makes the browser ask again by itself after so many seconds; `home` adds a link to the start page.
    """
    again = f'<meta http-equiv="refresh" content="{again_s}">' if again_s else ""
    text = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    link = '<p><a href="/">Go to the start page</a></p>' if home else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"{again}<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main><h1>{escape(title)}</h1>"
        f"{text}{link}"
        f"<footer>If you ask for help, quote: {escape(quote)}</footer></main></body></html>\n"
    )


PAGES: dict[str, str] = {
    "bad-request": page(
        "This address can't be understood",
        "Your browser or program sent a request that could be read in more than one way, so it was not passed on.",
        "Open the start page and go on from there. If a link brought you here, the link is wrong.",
        quote="bad request (400)",
    ),
    "not-found": page(
        "There is no hub at this address",
        "Nothing was lost: this name just does not belong to any hub here.",
        "Compare the address with the one that you were given, letter by letter.",
        quote="no such hub (404)",
        home=False,
    ),
    "hub-down": page(
        "The hub is taking a break",
        "It does not answer just now; it may be restarting. Servers that run keep running, and no work is lost.",
        "This page tries again by itself every ten seconds. If that goes on for minutes, tell your hub's admins.",
        quote="hub does not answer (503)",
        again_s=10,
    ),
    "server-down": page(
        "Your server does not answer",
        "It was stopped or has ended. Files that were saved are still in your home.",
        "Go to the start page and start your server again; the hub says there why it ended.",
        quote="server does not answer (503)",
    ),
    "down": page(
        "This part of the hub does not answer",
        "It may be restarting. Servers that run keep running, and no work is lost.",
        "Wait a moment and load this page again. If that goes on for minutes, tell your hub's admins.",
        quote="no answer (503)",
    ),
    "broken": page(
        "The answer broke off",
        "What you asked for ended in the middle of its answer. Files that were saved are not touched by this.",
        "Load this page again. If you were sending something, check whether it arrived before you send it again.",
        quote="broken answer (502)",
    ),
    "slow": page(
        "The answer took too long",
        "What you asked for has not answered in time. It may still be working.",
        "Wait a while, then load this page again.",
        quote="no answer in time (504)",
    ),
}
"""Page names and their HTML."""
