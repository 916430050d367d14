// Leads on to the form that starts a server, once, where the reader waited for the build on this page; it starts nothing.
const awaited = `awaited-${document.getElementById("build").dataset.build}`;
if (sessionStorage.getItem(awaited)) {
  sessionStorage.removeItem(awaited);
  location.assign(document.getElementById("build-then").href);
}
