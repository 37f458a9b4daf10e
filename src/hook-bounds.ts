/** The bounds of webhooks, watches and the dispatcher; the others, with what they are for, are in bounds.ts. */
export const hookBounds = {
  /** How long who writes the file of webhooks waits for another process that writes it. */
  hook_file_busy_milliseconds: 2_000,
  /** Of one access key. */
  webhooks_max: 100,
  /** Of one access key. */
  watches_max: 1_000,
  /** Names and beginnings of accounts of one webhook. */
  webhook_accounts_max: 100,
  webhook_url_characters_max: 2_000,
  /** Deliveries of a webhook that wait, before more of the journal is read for it. */
  webhook_waiting_max: 10_000,
  /** And of all together, unless they are so many that each of them has no more than the least. */
  dispatch_waiting_max: 200_000,
  webhook_waiting_min: 500,
  /** Requests at once to one target. */
  webhook_requests_max: 8,
  /** And to all of them together. */
  dispatch_requests_max: 200,
  webhook_answer_milliseconds_max: 10_000,
  /** A connection to a target waits so long for the next request: less than many targets let it. */
  webhook_connection_idle_milliseconds: 4_000,
  /** And is used so long at most, so that its target's certificate is looked at again. */
  webhook_connection_milliseconds_max: 60_000,
  /** Connections to all targets together that wait for a request. */
  webhook_connections_idle_max: 200,
  /** How often the dispatcher looks what webhooks and watches there are. */
  dispatch_look_milliseconds: 500,
  /** What became of deliveries is noted together, so often. */
  dispatch_note_milliseconds: 100,
  /**
   * After so many attempts in a row that fail a target is told as failing. Where they were of as many deliveries, it is
   * taken to be down, and one of them is tried at a time.
   */
  webhook_failures_max: 5,
  /** Of a delivery, that are kept to be shown. */
  delivery_attempts_kept: 20,
  /** A killed dispatcher of the embedded server is started again after this time. */
  dispatch_restart_milliseconds: 1_000,
  /**
   * When the embedded server ends, what its dispatcher is sending may end in this time; if it does not, it is sent again
   * after the next start.
   */
  dispatch_stop_milliseconds: 2_000,
} as const;
