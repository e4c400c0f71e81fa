/**
 * What the registry's keys are called.
 */

export interface RegistryKeys {
  readonly nodes: string
  readonly versions: string
  /**
   * In the hash slot of the user's inbox: a publisher appends to the inbox and then looks the user up, and on one slot the
   * second is executed after the first without being awaited.
   */
  user(user: string): string
  revoked(user: string): string
  standing(user: string): string
}

export function keysOf(prefix: string): RegistryKeys {
  return {
    nodes: `${prefix}:nodes`,
    versions: `${prefix}:versions`,
    user: (user) => `${prefix}:user:{@${user}}`,
    revoked: (user) => `${prefix}:revoked:{@${user}}`,
    standing: (user) => `${prefix}:standing:{@${user}}`,
  }
}
