/**
 * What is configured under `auth` cannot be used. Thrown at start only, and meant for the operator: the message names
 * the option, what is wrong and what is allowed, never a secret or a key.
 */
export class AuthConfigError extends Error {
  override readonly name = 'AuthConfigError'
}
