import { html, type TemplateResult } from 'lit-html'

/** A name that somebody gave, of whatever length and script: two lines of it, and all of it to who points at it or listens. */
export const nameView = (name: string): TemplateResult => html`<bdi class="name" title=${name}>${name}</bdi>`
