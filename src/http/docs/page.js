// Runs in the browser, after swagger-ui-bundle.js.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  tryItOutEnabled: false,
  // Otherwise the document would be sent to another host to be validated.
  validatorUrl: null,
});

// What has no name for a screen reader, or cannot be scrolled with the keys, gets it as soon as it is there.
const NAMES = [
  ["#servers", "Server"],
  [".examples-select-element", "Example"],
  [".content-type", "Media type"],
  ["textarea", "Body"],
  ["select", "Value"],
];
function mend() {
  for (const [selector, name] of NAMES) {
    for (const field of document.querySelectorAll(`#docs ${selector}:not([aria-label])`)) {
      field.setAttribute("aria-label", name);
    }
  }
  for (const example of document.querySelectorAll("#docs pre:not([tabindex])")) example.tabIndex = 0;
}
let due = false;
const mendSoon = () => {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    mend();
  });
};
new MutationObserver(mendSoon).observe(document.getElementById("docs"), { childList: true, subtree: true });
