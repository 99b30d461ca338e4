// The page's address: what it says, and what it makes of a fragment that somebody wrote.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Fragment, fromFragment, toFragment } from '../../src/address';

test('a fragment says what is seen, and is read back', () => {
  const all: Fragment = {
    view: { lower: 1.5, upper: 20, bottom: 0, top: 4096 },
    cursor: -7,
    tensor: 0,
    map: 1,
    profile: 2,
    call: 17,
    colour: 'age',
    theme: 'dark',
    tab: 'stacks',
    measure: 'atEnd',
    find: 'a & b #7',
    muted: ['ears', 'eyes & #nose=1'],
  };
  assert.equal(
    toFragment(all),
    'view=1.5,20,0,4096&cursor=-7&map=1&tensor=0&profile=2&call=17&colour=age&theme=dark' +
      '&tab=stacks&measure=atEnd&find=a+%26+b+%237&muted=ears&muted=eyes+%26+%23nose%3D1',
  );
  assert.deepEqual(fromFragment(`#${toFragment(all)}`), all);
  assert.equal(toFragment({}), '');
  assert.equal(toFragment({ muted: ['\ud800'] }), 'muted=%EF%BF%BD', 'half a letter is no error');
});

test('what cannot be read in a fragment is left out', () => {
  assert.deepEqual(fromFragment('#view=1,2,3&cursor=x&tensor=-1&call=1.5&profile='), {});
  assert.deepEqual(fromFragment('#view=5,5,0,1'), {});
  assert.deepEqual(fromFragment('#view=0,Infinity,0,1&cursor=-3&nose=1'), { cursor: -3 });
});
