import t from 'tap';
import {
  type ChildClaims,
  type ChildHeld,
  type ClaimAnswer,
  compareChildClaims,
  comparePractitionerClaims,
} from '../../src/matching/index.js';

const held: ChildHeld = {
  names: [
    { givenNames: 'Katherine Louise', familyName: "O'Brien" },
    { givenNames: 'Katherine', familyName: 'van der Berg' },
  ],
  dateOfBirth: '2013-10-04',
  addresses: [
    { line: '9 Burrinjuck Crescent, Condell Park', postcode: 'LS8 4NW' },
    { line: 'Flat 2, 14 Mill Lane', postcode: '' },
  ],
  parents: [
    { name: 'Mrs Sarah Jones', phone: '01632 960123' },
    { name: 'Peter OBrien', phone: null },
  ],
};

t.test('each claim about a child is answered by the nearest value that is held', async (t) => {
  const table: [keyof ChildClaims, string, ClaimAnswer][] = [
    ['givenNames', 'katherine louise', 'agrees'],
    ['givenNames', 'Katherine', 'agrees'],
    ['givenNames', 'Katherine Mary', 'close'],
    ['givenNames', 'Catherine', 'close'],
    ['givenNames', 'Kathrine', 'close'],
    ['givenNames', 'Kate', 'close'],
    ['givenNames', 'Ka', 'disagrees'],
    ['givenNames', 'K', 'disagrees'],
    ['givenNames', 'Josephine', 'disagrees'],
    ['familyName', 'OBRIEN', 'agrees'],
    ['familyName', 'Vanderberg', 'agrees'],
    ['familyName', 'Berg', 'agrees'],
    ['familyName', "O'Bryan", 'close'],
    ['familyName', 'Smith', 'disagrees'],
    ['dateOfBirth', '2013-10-04', 'agrees'],
    ['dateOfBirth', '2013-04-10', 'close'],
    ['dateOfBirth', '2012-10-04', 'close'],
    ['dateOfBirth', '2013-10-05', 'close'],
    ['dateOfBirth', '2013-10-27', 'disagrees'],
    ['dateOfBirth', '2009-02-11', 'disagrees'],
    ['postcode', 'ls84nw', 'agrees'],
    ['postcode', 'LS8 4NV', 'close'],
    ['postcode', 'LS8 4AA', 'disagrees'],
    ['postcode', 'LS8', 'disagrees'],
    ['addressLine', '9 Burrinjuck Cres', 'agrees'],
    ['addressLine', 'flat 2 14 Mill Lane', 'agrees'],
    ['addressLine', '14 Mill Lane', 'close'],
    ['addressLine', 'Burrinjuck Crescent', 'close'],
    ['addressLine', '23 Burrinjuck Crescent', 'disagrees'],
    ['addressLine', '9', 'disagrees'],
    ['parentName', 'Sarah Jones', 'agrees'],
    ['parentName', 'Ms Sara Jones', 'close'],
    ['parentName', 'Sarah', 'close'],
    ['parentName', 'Sarah Smith', 'disagrees'],
    ['parentName', 'Michael Jones', 'disagrees'],
    ['parentPhone', '+44 1632 960123', 'agrees'],
    ['parentPhone', '01632 960124', 'close'],
    ['parentPhone', '01632 960999', 'disagrees'],
  ];
  for (const [field, claim, answer] of table) {
    t.same(compareChildClaims({ [field]: claim }, held), { [field]: answer }, `${field}: ${claim}`);
  }
});

t.test('what is not held is neither right nor wrong, and what is not claimed is not answered', async (t) => {
  const bare: ChildHeld = {
    names: [{ givenNames: '', familyName: 'Suharto' }],
    dateOfBirth: '2013-10-04',
    addresses: [{ line: '', postcode: '' }],
    parents: [{ name: 'Ann Bell', phone: null }],
  };
  const claims = {
    givenNames: 'Ann',
    familyName: 'Suharto',
    dateOfBirth: '2013-10-04',
    postcode: 'LS8 4NW',
    addressLine: '1 High Street',
    parentPhone: '01632 960123',
  };
  t.same(compareChildClaims(claims, bare), {
    givenNames: 'not-held',
    familyName: 'agrees',
    dateOfBirth: 'agrees',
    postcode: 'not-held',
    addressLine: 'not-held',
    parentPhone: 'not-held',
  });
  t.same(compareChildClaims({ parentName: 'Ann Bell' }, { ...bare, parents: [] }), { parentName: 'not-held' });
  t.same(compareChildClaims({}, held), {});
});

t.test('a practitioner is compared by a name in one piece and by the organisation', async (t) => {
  const account = { name: 'Mary Ann Smith Jones', organisation: 'St. Oswald’s School' };
  const compare = (claims: object) => comparePractitionerClaims(claims, account);
  t.same(compare({ givenNames: 'Mary Ann', familyName: 'Smith-Jones', organisation: 'st oswalds school' }), {
    givenNames: 'agrees',
    familyName: 'agrees',
    organisation: 'agrees',
  });
  t.same(compare({ givenNames: 'Mary', familyName: 'Jones' }), { givenNames: 'agrees', familyName: 'agrees' });
  t.same(compare({ familyName: 'Joness', organisation: 'St Oswald School' }), {
    familyName: 'close',
    organisation: 'close',
  });
  t.same(compare({ givenNames: 'Petra', familyName: 'Brown', organisation: 'St Mary School' }), {
    givenNames: 'disagrees',
    familyName: 'disagrees',
    organisation: 'disagrees',
  });
  t.same(comparePractitionerClaims({ organisation: 'Any' }, { name: 'A B', organisation: null }), {
    organisation: 'not-held',
  });
});
