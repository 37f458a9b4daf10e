import { beside } from "../beside.ts";
import { h } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Problem } from "../api.ts";
import { sayProblem } from "../parts.tsx";
import { signIn } from "../session.ts";
import { t } from "../words.ts";

export function SignIn({ why }: { readonly why: Problem | null }) {
  const [key, setKey] = useState("");
  const [asking, setAsking] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    setAsking(false);
    field.current?.focus();
  }, [why]);
  const submit = (event: Event): void => {
    event.preventDefault();
    if (key.trim() === "") return;
    setAsking(true);
    beside(signIn(key.trim()));
  };
  return (
    <section class="sign-in card">
      <h1>{t("access.title")}</h1>
      <p>{t("access.text")}</p>
      <form onSubmit={submit}>
        <label class="field">
          <span class="field-label">{t("access.key")}</span>
          <input
            id="access-key"
            ref={field}
            type="password"
            autocomplete="off"
            spellcheck={false}
            value={key}
            aria-invalid={why !== null}
            aria-describedby={why === null ? undefined : "access-fault"}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </label>
        {why !== null && (
          <p id="access-fault" class="fault" role="alert">
            {sayProblem(why)}
          </p>
        )}
        <button class="button main" type="submit" disabled={asking}>
          {t("access.enter")}
        </button>
      </form>
      <p class="soft small">
        {t("access.where")}{" "}
        <code>
          npm run -s razonete -- keys create --name NAME --scopes
          accounts:read,transactions:read,events:read,ledger:read
        </code>
      </p>
      <p class="soft small">
        {t("access.stack")} <code>--stack data/stack</code>
      </p>
      <p class="soft small">{t("access.kept")}</p>
    </section>
  );
}
