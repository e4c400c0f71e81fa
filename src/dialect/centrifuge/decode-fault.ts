/**
 * Why bytes of a client are no command. The message says what is wrong and where, for the client's log.
 */
export class DecodeFault extends Error {
  override readonly name = 'DecodeFault'
  /** Of the one command at fault, where nothing else is wrong: it is answered, and the connection goes on. Absent: it ends. */
  readonly id: number | undefined

  constructor(message: string, commandId?: number) {
    super(message)
    this.id = commandId
  }
}
