/** Of access keys, see SCOPES_OF. */
export const ACCESS_PROBLEMS = {
  "key-missing": { status: 401, title: "The request has no access key" },
  "key-invalid": { status: 401, title: "The access key is not valid" },
  "scope-missing": { status: 403, title: "The access key does not allow this" },
  "too-many-requests": { status: 429, title: "There were too many requests" },
} as const;
