--[[
The functions that decide the commands of one shard. The rules are not here but in src/ledger/rules.ts and transit-rules.ts;
function-library.ts puts what they compile to before this text, as the locals `rules` and `transit_rules`. Here is what is around them: rows are read, the rules
called, rows and events written, ids remembered, callers of another epoch turned away.

All keys of a shard have the same prefix and hash tag:

  razonete:{s}:head            hash    epoch, version (of the functions that set it up), shards, g (latest batch),
                                       time (the latest time given out),
                                       lost (a batch that was answered and is gone; only if there is one),
                                       key_seconds (for so long a client's key is remembered; 86400 where it is
                                       missing),
                                       other (a batch that was answered, and whose g another batch has now; likewise),
                                       period (n of the seen:<n> that ids are written to), age (of that period, in
                                       microseconds), swept (the time of the latest sweep)
  razonete:{s}:account:<id>    string  limit, balance, held, seq, time, unit, state (open, frozen, closed) and the time of
                                       opening, with a space between them; where it has open parts of transactions across
                                       shards also their number, what they set aside in held, the room that they need, and
                                       how many of them lock it
  razonete:{s}:details:<id>    string  what the account was opened with (a hash), a space, name and metadata as JSON
  razonete:{s}:statement:<id>  zset    its latest entries, 10 or some more: score = seq, member = event
  razonete:{s}:hold:<id>       string  state, from, to, amount, captured, time of expiry and of creation, transaction (- if
                                       there is none), details as JSON; for a day once it has ended
  razonete:{s}:expiries        zset    the open holds: score = time of expiry, member = id
  razonete:{s}:reversed:<id>   string  the reversal of a transaction; for a day
  razonete:{s}:part:<attempt>  string  an open part of a transaction whose home is another shard: its event q
  razonete:{s}:parts           zset    the open parts: score = time, member = attempt
  razonete:{s}:transit:<attempt>  string  at home: transaction, time of its decision, hold (- for none), with a space between
                                       them; - alone, for a day: the attempt is abandoned
  razonete:{s}:transits        zset    what was decided at home, and may have open parts: score = time, member = attempt, a
                                       space, the shards of its parts with commas
  razonete:{s}:outbox          stream  one stream entry for each batch: id <g>-0, a pair (e, event) for each event
  razonete:{s}:key:<key>       string  content, a line feed, outcome; for key_seconds
  razonete:{s}:seen:<n>        hash    id -> outcome, of the requests of a period; the latest two are kept
  razonete:{s}:proof           string  nothing; written to prove that a primary is still followed, by src/decide/nodes/

Redis's clock may jump. The time of a shard never goes back (see the field time). A jump forward does not make it
forget the ids that it has just seen: from one sweep to the next, the age of a period grows by little more than a second, and
seen:<n> does not expire by the clock. Only the keys of clients do: a jump by a day forgets them.

An event is one text, see src/ledger/event.ts. An outcome is "=" and the event, or "!" and the refusal. Where it is
remembered, the event of the contest's route ends before the command's id, since whoever asks for it again says all that
follows. A refusal under a client's key is an event, too, since the key is remembered with it.
Integers are exact up to 2^53. They are formatted with %d, since Lua's own conversion keeps only 14 digits.

razonete_apply     applies a batch, one command after the other; all checks come before the first write. Holds that are
                   due end first
  KEYS   head
  ARGV   epoch, g_min, outbox_max, then for each command six: kind, id, of, amount, content, text
         and last, if any came with an access key, names
         kind     c credit, d debit (the contest's); o open, a change an account; t transaction (and reversal), h hold,
                  p capture, r release; x a refusal that needs no decision. All of [ to ] is decided as a whole; [ has the
                  key of the whole group and its content, if it has one: then its refusal is remembered under it, with the
                  place of the command
         id       key:..., bat:... or req:...
         of       the id of the account, or of the hold for p and r
         amount   value for c, d and h, limit for o
         content  a hash of what the id stands for; empty for req ids, which nobody chooses
         text     description for c and d; the refusal for x; empty for r. JSON for
                  o  unit, opening (a hash of all that it is opened with), details (JSON in a text)
                  a  limit, state, details; before (the details as they were read); unfit (true: what the details would
                     become is too large); each may be missing
                  Fields with a space between them, details (JSON, or empty) last, / for none, for
                  t  number of postings, of conditions, the transaction that it reverses, whether it is dry (1 or 0); for each
                     posting from, to, amount; for each condition account, what, least, most; details
                  h  to, seconds, details
                  p  amount, to, number of parts; for each part to, amount
         For transactions across shards, see docs/decisions/0029-across-shards.md: at home
                  s  what the parts told, then as of t; of is the attempt
                  k  the attempt, what the parts told, then as of p
                  v  a hold whose to is on another shard: to, seconds, state and unit of to, details
                  w  none; what became of an attempt, which is abandoned if it was not decided
                  z  none; of is the shards of its parts: none of them is open any more
         and on other shards
                  q  whether it is dry, number of postings, of conditions, of the accounts that are on this shard; for each
                     posting from, to, amount; for each condition its place, account, what, least, most; the accounts; details.
                     of is the id of the command
                  f  transaction, time of its decision, hold or -
                  u  none
         The id is prt:, fin:, und:, ask: or end: and the attempt for q, f, u, w and z. What the parts told: their shards with
         commas; the number of their accounts; for each account, state (or unknown), unit; what they refuse of limits and ranges
         and for which posting; the first condition that is not met
         names    that of the access key for each six, - for none, with a space between them. It is before the id in events,
                  and nowhere else: a command under another name is the same one
  REPLY  g of the batch in the outbox ("" if it made no event), the number of holds that were due, their events, then
         for each command its outcome: for c and d "=" and the event, for others "=", g, a space, the place of the event
         in the batch, a space, the event, for p and r a line feed and the hold; "!" and the refusal, or its event if it is one. With "+" instead of "=" and
         "?" instead of "!" if it had been decided before. "#" if the outbox is full, "~" if it is to be sent again, "-"
         if another one of its group was refused: then the command was not decided, and is not remembered. "*", the
         row of an account that was opened just so before, a space, its details; with a content it is an event like
         others, of a change that changes nothing, since the key is remembered with it. "~" also where an account is locked, or
         where nobody knows yet what a condition or a limit will find: of s and k the attempt is abandoned then, as with any
         other outcome that is not its own decision.
         ">" for p: to is on another shard, use k. "^" and the text of transit:<attempt> for s, k and w: the attempt was decided
         before; "^" alone for f and u: that part is not open; and for z. "<" for q: not prepared; state and unit of each account,
         what is refused and for which posting, which condition is not met. "?" alone for q: undone, or ended, before
  ERRORS EPOCH, STALE, NOPERM: nothing was changed. STALE also refuses every caller if batches were lost

razonete_recall    what became of commands, as apply answers with a full outbox: it decides nothing, and so can be asked where
                   Redis's memory is full
  KEYS   head
  ARGV   as of razonete_apply
  REPLY  as of razonete_apply
  ERRORS EPOCH, STALE, NOPERM

razonete_read      the current state, all at the same point in time. Holds that are due have ended in it
  KEYS   head
  ARGV   epoch, g_min, then two for each: what, id. a an account, s an account with its latest entries, k the same as its
         keys have it, with what is due, h a hold, r the reversal of a transaction, e an event of the outbox (g, a
         space, its place in the batch), q an open part, o the parts that have been open for the longest (their id is how many
         at most), y the same of what was decided at home
  REPLY  time, then for each nil, or a list: a row, details; s and k row, details, event... with the newest first; h row;
         r id; e event, or an empty list where the batch has none there; q its event q; o attempts; y members of transits
  ERRORS EPOCH, STALE

razonete_sweep     ends the holds that are due, and forgets the ids of the period before the last, once the last one is 16 s
                   old. To be called about once a second; also where memory is full, since that is what frees it
  KEYS   head
  ARGV   epoch, g_min, outbox_max
  REPLY  the number of holds that ended; 0 also if the data is of another epoch
  ERRORS STALE, NOPERM

razonete_status    what the fence compares
  KEYS   head
  ARGV   none
  REPLY  epoch, version of these functions, shards, g, length of the outbox, g of its first entry ("" if there is
         none), lost ("" if nothing is), g of its last entry
  ERRORS EMPTY

razonete_lost      marks that a batch was answered and is gone: from then on this data answers nobody. Nothing is
                   changed if the data is of another epoch, or may have the batch, or had it
  KEYS   head
  ARGV   epoch, g of that batch, kept (the books' cursor, if they do not have the batch; or the word other, if the
         caller has seen that another batch has its number; else empty)
  REPLY  1 if it is marked now, else 0

razonete_found     takes the mark away again: the books have got that batch, which was in neither them nor the outbox
  KEYS   head
  ARGV   epoch, the batch that is marked
  REPLY  1 if the mark was there and is gone now, else 0

razonete_begin     sets up an empty shard, which has no head, no outbox, and none of these accounts
  KEYS   head
  ARGV   epoch, shards, g, then for each account three: id, row, opening (a hash of all that it is opened with)
  REPLY  OK
  ERRORS NOTEMPTY

razonete_load      loads what the books have of a shard that has no head yet, and so answers nobody. Loading the same
                   items again changes nothing
  KEYS   head
  ARGV   items, one after the other, each of:
         a, id, row, details                                     an account, as in its two keys
         h, id, row, left                                        a hold; left: seconds for which it is known, 0 for open
         v, id, reversal, seconds                                the reversal of a transaction
         q, attempt, event                                       an open part
         y, attempt, shards, transaction, decided, hold          a decision of which a part may be open
         s, id, count, then for each entry two: seq, event       its latest entries, 10 at most
         k, id, content, outcome, seconds                        a client's key, and for how long it is still known
         r, id, outcome                                          a request's id
  REPLY  OK
  ERRORS NOTEMPTY
]]

local VERSION = '7'

-- Of the library string, which is not there yet while this text is loaded; any text has its functions.
local byte, find, format, gmatch, gsub, match, rep, sub =
  (' ').byte, (' ').find, (' ').format, (' ').gmatch, (' ').gsub, (' ').match, (' ').rep, (' ').sub

-- The texts of numbers, each made once in a call: they are in rows, events and entries, and to format them is what costs
-- most there.
local text_of

local function new_texts()
  text_of = setmetatable({}, {
    __index = function(texts, number)
      local text = format('%d', number)
      texts[number] = text
      return text
    end,
  })
end

--- @param last the latest time that was given out: the machine's clock may step back, the shard's time may not
local function now_micros(last)
  local time = redis.call('TIME')
  return math.max(tonumber(time[1]) * 1000000 + tonumber(time[2]), tonumber(last) or 0)
end

--- Refuses a caller of another epoch, and a caller that has seen a later batch than this data holds. Refuses every
--- caller once a batch is marked as lost.
local function fence(head, epoch, g_min)
  local state = redis.call('HMGET', head, 'epoch', 'g', 'shards', 'time', 'lost', 'period', 'key_seconds')
  if state[1] ~= epoch then
    return nil, redis.error_reply('EPOCH this data is of epoch ' .. tostring(state[1]) .. ', not ' .. epoch)
  end
  if tonumber(state[2]) < tonumber(g_min) then
    return nil, redis.error_reply('STALE this data ends at batch ' .. state[2] .. ', batch ' .. g_min .. ' was seen')
  end
  if state[5] then
    return nil, redis.error_reply('STALE batch ' .. state[5] .. ' was answered and is gone')
  end
  return state, nil
end
