declare module "*.sql" {
  const text: string;
  export default text;
}

declare module "*.lua" {
  const text: string;
  export default text;
}

/** Imported as files: their paths. */
declare module "*.htm" {
  const path: string;
  export default path;
}

declare module "*.css" {
  const path: string;
  export default path;
}

declare module "*/page.js" {
  const path: string;
  export default path;
}

declare module "*/console.js" {
  const path: string;
  export default path;
}

declare module "swagger-ui-dist/*" {
  const path: string;
  export default path;
}
