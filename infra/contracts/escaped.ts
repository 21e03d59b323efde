/** A text as it stands in HTML, between tags or in a quoted attribute (OWASP XSS prevention, rules 1 and 2). */
export const escaped = (text: string): string => text.replace(/[&<>"'`]/g, character => entities[character]!)

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
}
