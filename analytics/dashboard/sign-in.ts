import { html, type TemplateResult } from 'lit-html'
import { keepToken } from './client.ts'

type SignIn = { why?: string | undefined; scope: string; done: () => void }

/** Asks for a token of a scope. `why`: what was wrong with the one before. */
export function signIn({ why, scope, done }: SignIn): TemplateResult {
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    const { value } = (event.target as HTMLFormElement).elements.namedItem('token') as HTMLInputElement
    const token = value.trim()
    if (token === '') return
    keepToken(token)
    done()
  }
  return html`<form class="card sign-in" @submit=${submit}>
    <h2>Who asks?</h2>
    <p>Paste a token with the scope <code>${scope}</code>. It stays in this window, until it is closed.</p>
    <label>Token <input name="token" type="password" autocomplete="off" required aria-describedby="token-why" /></label>
    <p id="token-why" class="wrong" role="alert">${why ?? ''}</p>
    <button class="primary">Look</button>
    <p class="soft">Make one with <code>carillon token NAME --scopes ${scope}</code>.</p>
  </form>`
}

/** Once the form is drawn: what is to be typed next is the token, and what was wrong with the last is read with it. */
export const focusToken = (): void => document.querySelector<HTMLInputElement>('.sign-in input')?.focus()
