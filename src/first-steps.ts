/** What to try on a ledger that has just been started. */
export function firstSteps(url: string, hasInitialAccounts: boolean): readonly string[] {
  if (hasInitialAccounts)
    return [
      "Accounts 1 to 5 are open. Try:",
      `  curl -d '{"valor": 1000, "tipo": "c", "descricao": "salary"}' ${url}/clientes/1/transacoes`,
      `  curl ${url}/clientes/1/extrato`,
    ];
  return [
    "Open an account, and credit it:",
    `  curl -d '{"id": "wallet", "unit": "USD/2"}' ${url}/v1/accounts`,
    `  curl -d '{"postings": [{"from": "@world", "to": "wallet", "amount": 1000}]}' ${url}/v1/transactions`,
  ];
}
