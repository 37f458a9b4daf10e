/** Whether the text can be a unit: what is counted, and the number of decimals if it has any, such as `BRL/2`. */
export function isUnit(text: string): boolean {
  return /^[A-Z][A-Z0-9_]{0,15}(?:\/[0-9]{1,2})?$/.test(text);
}
