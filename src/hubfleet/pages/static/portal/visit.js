// Asks for a temporary server, shows how far it is, and leads to it with its token.
const page = document.getElementById("visit");
const message = document.getElementById("visit-message");
const log = document.getElementById("visit-log");

function ended(text) {
  message.textContent = text;
  message.className = "alert alert-danger";
  document.getElementById("visit-again").hidden = false;
}

const source = new EventSource(page.dataset.stream);
source.addEventListener("message", ({ data }) => {
  const event = JSON.parse(data);
  const text = (event.message ?? "").trim();
  if (text) {
    message.textContent = text;
    log.append(`${text}\n`);
    log.scrollTop = log.scrollHeight;
  }
  if (event.phase === "failed") {
    source.close();
    ended(text);
  }
  if (event.phase === "ready") {
    source.close();
    const target = new URL(event.url);
    // what a link names stays below the server's own address
    const wanted = new URL(page.dataset.page, target);
    if (wanted.origin === target.origin && wanted.pathname.startsWith(target.pathname)) {
      target.pathname = wanted.pathname;
      target.search = wanted.search;
    }
    target.searchParams.set("token", event.token);
    // in this page's place: going back must not ask for another server
    location.replace(target);
  }
});
source.addEventListener("error", () => {
  source.close();
  ended("The connection was lost. Try again.");
});
