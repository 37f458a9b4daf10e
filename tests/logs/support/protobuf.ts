/** A field of a protobuf message: a number, or the bytes of a text or of a message in it. */
export interface Field {
  readonly number: number;
  readonly value: number | Uint8Array;
}

/** Reads the fields of a message as they are on the wire. @throws Error if it is cut or has what is not read here */
export function fieldsOf(message: Uint8Array): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    for (let value = 0, factor = 1; at < message.length; factor *= 128) {
      const byte = message[at] ?? 0;
      at += 1;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw new Error("a message ends in a number");
  };
  const bytes = (count: number): Uint8Array => {
    if (at + count > message.length) throw new Error("a message is cut");
    at += count;
    return message.subarray(at - count, at);
  };
  while (at < message.length) {
    const key = varint();
    const kind = key & 7;
    const number = Math.floor(key / 8);
    if (kind === 0) fields.push({ number, value: varint() });
    else if (kind === 1) fields.push({ number, value: bytes(8) });
    else if (kind === 2) fields.push({ number, value: bytes(varint()) });
    else if (kind === 5) fields.push({ number, value: bytes(4) });
    else throw new Error(`a field is of an unknown kind: ${kind}`);
  }
  return fields;
}
