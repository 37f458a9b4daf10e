/**
 * What a fault hits of a ledger with replicas, by what it is when the fault begins: a failover makes another node the
 * primary.
 */
export const ROLES = [
  "redis-primary",
  "redis-replica",
  "redis-replicas",
  "redis-primary-and-replica",
  /** The machine of a shard's primary: that, a replica of each other shard, and a NATS server. */
  "machine",
  "nats-leader",
  "postgres-primary",
  "postgres-standby",
] as const;
export type Role = (typeof ROLES)[number];

/** Of which shard it is; PostgreSQL and NATS are there for all of them. */
export interface RoleOfShard {
  readonly role: Role;
  readonly shard: number;
}
