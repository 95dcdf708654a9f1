// /docs: the OpenAPI document as pages, by Swagger UI, which the page loads before this.

const dark = matchMedia("(prefers-color-scheme: dark)");

function followColours() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

followColours();
dark.addEventListener("change", followColours);

window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true, // an operation has an address
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0, // shapes are a list of names until one is opened
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null, // it would send the document elsewhere
});
