/**
 * The key that everything here needs.
 */
import { useEffect, useRef, useState } from 'preact/hooks'
import { HERE } from './access.ts'

export function SignIn(props: {
  readonly fault: string | undefined
  readonly enter: (key: string, remember: boolean) => void
}) {
  const { fault, enter } = props
  const [key, setKey] = useState('')
  const [remember, setRemember] = useState(true)
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => input.current?.focus(), [fault])
  return (
    <main class="sign-in">
      <form
        class="card"
        aria-labelledby="sign-in-title"
        onSubmit={(event) => {
          event.preventDefault()
          if (key.trim() !== '') enter(key.trim(), remember)
        }}
      >
        <img src="/console.svg" alt="" width="48" height="48" />
        <h1 id="sign-in-title">Sluice console</h1>
        <p class="quiet">of the node at {HERE}</p>
        <div class="field">
          <label for="key">API key</label>
          <input
            id="key"
            ref={input}
            type="password"
            autocomplete="off"
            required
            value={key}
            aria-invalid={fault !== undefined}
            aria-describedby="key-hint key-fault"
            onInput={(event) => setKey(event.currentTarget.value)}
          />
          <small id="key-hint" class="quiet">
            One of api.keys with the scope admin. It is sent to this node only, and never stands in an
            address.
          </small>
        </div>
        <label class="check">
          <input
            type="checkbox"
            checked={remember}
            onChange={(event) => setRemember(event.currentTarget.checked)}
          />
          Keep it until this tab is closed
        </label>
        <button>Open the console</button>
        <p id="key-fault" class="fault" role="alert" hidden={fault === undefined}>
          {fault}
        </p>
      </form>
    </main>
  )
}
