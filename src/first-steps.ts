/** What to try on a ledger that has just been started. */
export function firstSteps(url: string, hasInitialAccounts: boolean, needsKey: boolean): readonly string[] {
  const curl = needsKey ? 'curl -H "Authorization: Bearer $KEY"' : "curl";
  return [
    `See it live: ${url}/`,
    `The API, to be read and tried in a browser: ${url}/docs`,
    "Open an account, credit it, hold a part of it:",
    `  ${curl} -d '{"id": "acme", "unit": "CREDITS"}' ${url}/v1/accounts`,
    `  ${curl} -d '{"postings": [{"from": "@world", "to": "acme", "amount": 5000}]}' ${url}/v1/transactions`,
    `  ${curl} -d '{"from": "acme", "amount": 3000}' ${url}/v1/holds`,
    ...(hasInitialAccounts
      ? [
          "Accounts 1 to 5, with overdrafts, are open for Rinha de Backend (--no-initial-accounts begins without):",
          `  ${curl} -d '{"valor": 1000, "tipo": "c", "descricao": "salary"}' ${url}/clientes/1/transacoes`,
        ]
      : []),
  ];
}
