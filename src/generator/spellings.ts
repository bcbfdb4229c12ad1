/**
 * Names that one person may go by, written from general knowledge and on purpose apart from the tables by which the
 * directory searches: otherwise those would be tested against themselves.
 */

/** `Full: short forms`. */
const short = `
Abdirahman: Abdi | Abdullah: Abdul Abs | Abigail: Abi Abbie Gail | Abimbola: Bimbo Bola | Adebayo: Bayo Ade | Adebola: Bola Debola |
Adekunle: Kunle Ade | Adewale: Wale Ade | Aishwarya: Aish | Albert: Al Bert Bertie | Alejandro: Alex Ale | Aleksander: Olek Alek |
Aleksandra: Ola Sandra | Alexander: Alex Al Sandy Xander | Alexandra: Alex Lexi Sandra Sasha | Alexandru: Alex Alecu | Alfred: Alf Alfie Fred |
Alicja: Ala Alunia | Amanda: Mandy | Amelia: Millie Amy Mia | Andrew: Andy Drew | Andrei: Andi | Angela: Angie | Angharad: Angie Haz |
Anna: Annie Nan | Anthony: Tony Ant | Antoni: Antek Tosiek | Antonia: Toni | António: Toni Tó | Archibald: Archie | Arthur: Art Artie |
Arabella: Bella Belle | Ayodele: Ayo Dele | Ayomide: Ayo Mide | Babatunde: Tunde Baba | Barbara: Barb Babs Basia | Barnaby: Barney | Bartholomew: Bart |
Bartosz: Bartek | Beatrice: Bea Trixie | Benedict: Ben | Benjamin: Ben Benji Benny | Bernadette: Bernie | Bolaji: Bola | Boluwatife: Bolu Tife |
Bradley: Brad | Bridget: Bridie Biddy | Caitlin: Cait Katie | Cameron: Cam | Caroline: Carrie Caz | Catherine: Cathy Kate Katie Cat |
Catrin: Cat Cati | Charles: Charlie Chas Chuck | Charlotte: Charlie Lottie Lotte | Chiamaka: Amaka Chi | Chidera: Dera | Chinedu: Nedu Edu |
Chinonso: Nonso | Christina: Chris Tina Chrissie | Christopher: Chris Kit Topher | Chukwuebuka: Ebuka | Chukwuemeka: Emeka | Clementine: Clemmie |
Constance: Connie | Cornelius: Con Neil | Cristian: Cris | Dafydd: Dai Daf | Damilola: Dami Lola | Daniel: Dan Danny | David: Dave Davy Dai | Deborah: Debbie Debs |
Dominic: Dom Nic | Dominykas: Domas | Donald: Don Donnie | Dorothy: Dot Dottie Dolly | Douglas: Doug Dougie | Edward: Ed Eddie Ted Ned | Eduard: Edi |
Eleanor: Ellie Nell Nora | Elizabeth: Beth Betty Eliza Lizzie Liz Libby Elsie Bess | Elżbieta: Ela | Emily: Em Emmy Millie | Emmanuel: Manny Emma | Emilija: Emi |
Eniola: Eni | Esther: Essie Hetty | Ezekiel: Zeke | Finlay: Fin | Finley: Fin | Florence: Flo Florrie Flossie | Frances: Fran Fanny Frankie |
Francesca: Fran Frankie Chess | Francis: Frank Fran | Francisco: Chico Paco Fran | Franciszek: Franek | Frederick: Fred Freddie | Gabriel: Gabe | Gabriela: Gabi |
Gabriella: Gabby Ella | Georgia: Georgie Gia | Georgina: Georgie Gina | Gerald: Gerry | Gillian: Jill Gill | Giuseppe: Beppe Pino | Gregory: Greg | Gurpreet: Preet Gurps |
Gwenllian: Gwen | Hannah: Han Hans | Hanna: Hania | Harold: Harry Hal | Harpreet: Preet Harps | Harriet: Hattie Harry | Harrison: Harry | Hashim: Hash |
Helen: Nell Nellie Lena | Henrietta: Hetty Etta | Henry: Harry Hal Hank | Herbert: Bert Herbie | Humphrey: Humph | Ibrahim: Ibby Ibs Ibo | Ibukunoluwa: Ibukun |
Ifeoluwa: Ife | Ifeoma: Ify | Imogen: Immy | Ioana: Oana | Isabel: Izzy Bel | Isabella: Bella Izzy Issy | Isabelle: Izzy Belle | Isobel: Izzy Issy | Iyanuoluwa: Iyanu |
Jacob: Jake Cobie | Jacqueline: Jackie | Jakub: Kuba Jakubek | James: Jim Jimmy Jamie | Jasmine: Jas Jazz | Jaspreet: Jas Jassi | Jemima: Jem Mima | Jennifer: Jen Jenny |
Jeremiah: Jerry Jem | Jessica: Jess Jessie | Joanna: Jo Asia | John: Jack Johnny Jon | Jonathan: Jon Jonny | Joseph: Joe Joey | Josephine: Jo Josie | José: Zé Pepe |
Joshua: Josh | Judith: Judy | Julia: Jules Julka | Karthik: Karthi | Katarzyna: Kasia | Katherine: Kathy Kate Katie Kitty | Kathleen: Kath Kathy | Kehinde: Kenny |
Kenneth: Ken Kenny | Khadija: Dija | Krishna: Krish | Krzysztof: Krzysiek Krzys | Laurence: Larry Laurie Loz | Lawrence: Larry Lawrie | Leonard: Len Lenny | Leonardo: Leo |
Lewis: Lew Lewie | Lillian: Lily Lil | Llewelyn: Llew Lyn | Louisa: Lou | Louise: Lou | Lucas: Luke | Madeleine: Maddie | Madison: Maddie | Magdalena: Magda | Małgorzata: Gosia Małgosia |
Manpreet: Manny Preet | Margaret: Maggie Meg Peggy Madge Greta | Maria: Marysia Mari | Martha: Marty Mattie | Mary: Molly Polly May | Matilda: Tilly Tilda Mattie |
Matthew: Matt Matty | Maximilian: Max | Maksymilian: Maks | Mehmet: Memo Memet | Michael: Mike Mick Mikey | Mihai: Mișu | Mikołaj: Mikuś Miki | Mohamed: Mo | Mohammad: Mo |
Mohammed: Mo Moe | Muhammad: Mo | Muhammed: Mo | Mustafa: Mus Musti | Natalie: Nat | Natasha: Tasha Nat | Nathaniel: Nat Nathan | Nicholas: Nick Nicky | Nicolae: Nicu | Nicole: Nicky |
Nkechi: Kechi | Obinna: Obi | Olamide: Ola | Oliver: Ollie Olly | Olivia: Liv Livvy Ollie | Oluwadamilola: Damilola Dami | Oluwafemi: Femi | Oluwaseun: Seun | Oluwaseyi: Seyi |
Oluwatobi: Tobi | Oluwakemi: Kemi | Oluwafunmilayo: Funmi | Oluwatimilehin: Timi | Opeyemi: Ope Yemi | Oyindamola: Oyin Dammy | Osian: Osh | Padraig: Podge | Patricia: Pat Trish Tricia | Patrick: Pat Paddy |
Penelope: Penny | Percival: Percy | Peter: Pete | Philip: Phil Pip | Philippa: Pippa Pip | Phoebe: Phibs Bee | Rafael: Rafa Rafi | Raymond: Ray | Rebecca: Becky Becca | Reginald: Reg Reggie |
Richard: Rick Dick Ricky Richie | Robert: Bob Rob Bobby Robbie | Rodrigo: Digo | Ronald: Ron Ronnie | Rosemary: Rosie Romy | Rupert: Rupe | Samantha: Sam Sammy | Samuel: Sam Sammy |
Santiago: Santi | Sarah: Sally Sadie | Sebastian: Seb Bas | Siddharth: Sid | Simisola: Simi | Simranpreet: Simran | Sophia: Sophie | Stanley: Stan | Stanisław: Staś Staszek | Ștefan: Fane |
Stephanie: Steph | Stephen: Steve | Steven: Steve | Stuart: Stu | Susan: Sue Susie | Susannah: Sue Susie Zannah | Sukhpreet: Sukhi | Tabitha: Tabby | Teniola: Teni | Temiloluwa: Temi | Temitope: Temi Tope |
Teresa: Tess Terry | Thaddeus: Tad | Theodora: Thea Dora | Theodore: Theo Ted Teddy | Thomas: Tom Tommy | Timothy: Tim | Titilayo: Titi | Tobias: Toby | Tolulope: Tolu Lope | Tomasz: Tomek | Tomos: Tom Twm |
Toluwani: Tolu | Tomiwa: Tomi | Uchenna: Uche | Vaishnavi: Vaish | Valentina: Vale Tina | Victor: Vic | Victoria: Vicky Tori Vix | Vincent: Vinnie Vince | Walter: Wally Walt | Wilfred: Wilf Fred |
William: Bill Will Billy Liam | Wiktoria: Wika Wiki | Winifred: Winnie Freda | Wojciech: Wojtek | Yasmin: Yas Min | Yetunde: Yetty Tunde | Yusuf: Yus Yusi | Zachary: Zac Zach Zak | Zainab: Zee | Zofia: Zosia | Zuzanna: Zuza Zuzia |
Eilidh: Ailie | Catriona: Trina Cat | Alasdair: Al Ally | Alistair: Al Ally | Malcolm: Calum | Ruaridh: Rory | Fraser: Fras | Aaliyah: Liyah | Nevaeh: Vay | Malachi: Mal | Isaiah: Zay | Elijah: Eli | Jeremy: Jez |
Tyrone: Ty | Jermaine: Jay | Giovanni: Gianni Vanni | Alessandro: Ale Sandro | Francesco: Franco Cecco | Guilherme: Gui | Leonor: Nô | Mustapha: Mus | Hüseyin: Hüso | Süleyman: Sülo | İbrahim: İbo | Zeynep: Zeyno | Elif: Elo |
Fatima: Fati Timmy | Mariam: Mimi | Abdelrahman: Abdo | Abdulrahman: Abdul Abood | Youssef: Joe | Mahmoud: Hamoudi | Ahmed: Hamoudi Ahmo | Abdullahi: Abdi Abdulle | Hussein: Huss | Hassan: Hass | Khadra: Kady | Ayaan: Ayu |
Arjun: Arj | Aarav: Aru | Priyanka: Priya Pinky | Radhika: Radha | Rajesh: Raj | Rohit: Ro | Vikram: Vik Vicky | Vihaan: Vi | Nikhil: Nik | Anjali: Anju | Kavya: Kavi | Abinaya: Abi | Abirami: Abi |
Amritpal: Amrit | Gursimran: Simran | Harleen: Harly | Jasleen: Jassi | Rajvir: Raj | Simran: Sim Simmi | Jeevan: Jeev | Kwabena: Kobby | Kwame: Kwam | Akosua: Akos | Emmanuella: Ella Emma | Christabel: Chris Bel | Nathalie: Nat |
Zihan: Zizi | Xinyi: Xin | Haoran: Hao | Yuxuan: Xuan | Weijie: Jie | Tsz-Yan: Yan | Ka-Ho: Ho | Chun-Hei: Hei | Hei-Tung: Tung | Siu-Ming: Ming | Wing-Yan: Yan`;

/** Spellings of one name in Latin letters, or of one name in two neighbouring languages. */
const spelled = `
Muhammad Mohammed Mohammad Mohamed Muhammed Mohamad Mahammed Maxamed | Ahmed Ahmad Ahmet Axmed | Yusuf Yousuf Yousef Youssef Yusef Yousaf | Hussain Hussein Husain Hussayn Hossain Hussien |
Hassan Hasan Xasan | Aisha Ayesha Aysha Aishah Aicha Caasha | Fatima Fatimah Fathima Fatema Fatma | Khadija Khadijah Khadeeja Khadeejah | Zainab Zaynab Zeinab Zeynep | Maryam Mariam Miriam Maryan Meryem |
Ibrahim Ebrahim Ibraheem Ibrahiim | Ismail Ismaeel Esmail Ismael | Abdullah Abdallah Abdulla | Abdirahman Abdulrahman Abdurrahman Abdelrahman Abdul-Rahman Cabdiraxmaan | Umar Omar Umer Cumar | Usman Osman Uthman Othman Cusmaan |
Isa Eesa Issa Esa | Musa Moosa Moussa Muse | Zayn Zain Zayne | Zayd Zaid Zaed | Imran Emran Imraan | Rahman Rehman Rahmaan | Qureshi Quraishi Kureshi Qureshy | Sheikh Shaikh Sheik | Siddiqui Siddiqi Siddique Siddiquee |
Chowdhury Choudhury Chaudhry Choudhry Chaudhary Chaudhuri Chowdhry | Begum Begam Begom | Akhtar Akter Akhter Aktar | Said Saeed Sayeed Saied | Khalid Khaled Kalid | Hamza Hamzah Humza | Bilal Belal Bilaal | Haris Harris Haaris Harith |
Ayaan Ayan Aayan | Yasin Yaseen Yassin Yasseen | Sumaiya Sumayya Sumayyah Soumaya Sumaya | Noor Nur Nour Nuur | Sara Sarah Saara | Zahra Zara Sahra | Salih Saleh Salah | Jamal Gamal Jamaal | Jamil Jameel Gamil | Karim Kareem |
Rashid Rasheed Rachid | Salim Saleem Selim | Shafiq Shafeeq Shafique | Tariq Tarek Tareq Tarik | Mahmud Mahmood Mahmoud Mehmood | Mustafa Mustapha Moustafa | Nasir Naseer Nasser | Qasim Kassim Qassim Kasim | Yahya Yahia Yehia | Zakariya Zakaria Zakariyya Zachariah |
Uddin Udin Ud-Din | Miah Mia Miya Mian | Hoque Haque Huq Haq | Ali Aly Cali | Malik Malek Maalik | Khan Kan Khaan | Iqbal Eqbal | Shah Sha | Hafsa Hafsah Hafza | Amina Aminah Ameena Aamina | Safiya Safia Safiyyah Safiyah | Ruqayya Ruqayyah Rukaya Ruqaiyah |
Hana Hanna Hannah | Laila Layla Leila Leyla | Yusra Yousra Yusrah | Jannat Janat Jannah | Inaya Inayah Enaya | Rayyan Rayan Rayhan | Abdi Cabdi | Asha Caasha | Faduma Faadumo Fadumo | Jama Jaamac Jamac | Warsame Warsama | Hodan Xodan | Halima Xaliimo Haleema |
Aleksander Alexander Aleksandar Oleksandr | Aleksandra Alexandra Oleksandra | Wiktoria Viktoria Victoria Viktorija Viktória | Wiktor Viktor Victor | Zofia Sofia Sophia Sofiya | Maja Maya Maia | Julia Yulia Iulia Júlia | Jakub Yakub Jacob | Jan Yan Ian | Filip Philip Phillip |
Oskar Oscar | Kacper Kasper Casper | Oliwia Olivia | Nikola Nicola Nikolla | Natalia Nataliya Natalya | Georgi Georgy George Gheorghe | Dimitar Dimiter Dimitar | Nikolay Nikolai Nicolae | Mihail Mikhail Mihai | Yoana Ioana Joana | Tsvetelina Cvetelina Zvetelina |
Ivanov Ivanoff Iwanow | Petrov Petroff Petrow | Georgiev Georgieff | Ștefan Stefan Stephan | Kaczmarek Kachmarek | Szymański Shimanski Szymanski | Tomasz Tomash Thomas | Lukasz Lukash Lucas | Mateusz Matheus Mateush | Michał Michael Mihal | Ewa Eva | Krzysztof Kristof |
Sharma Sarma Shrma | Lakshmi Laxmi Lakshme | Krishna Krushna Krishnan | Vikram Wikram Bikram | Shreya Sreya Shreeya | Aarav Arav Aarrav | Aanya Anya Anaya | Saanvi Sanvi Saanvee | Ishaan Ishan Eshan | Vivaan Vivan Vihaan | Aadi Adi | Diya Dia Deeya | Riya Ria Rhea | Shah Shaw | Patel Pattel Patil |
Agarwal Aggarwal Agrawal | Chauhan Chohan Chouhan | Mistry Mistri | Joshi Joshy | Desai Desay | Nair Nayar Nayyar | Iyer Ayyar Aiyar | Reddy Reddi | Mukherjee Mookerjee Mukherji | Banerjee Banerji | Chatterjee Chatterji | Sivakumar Shivakumar Sivakumaran | Kumar Kumaar Coomar | Nathan Naathan | Selvan Chelvan |
Dhillon Dillon Dhilon | Sandhu Sandhoo Sindhu | Grewal Garewal | Sidhu Siddhu Sidhoo | Gill Gil Ghill | Dhaliwal Dhariwal Dhalliwal | Kaur Kour Kaor | Singh Sing Sinh | Jaspreet Jasprit Jaspreeth | Gurpreet Gurprit | Harpreet Harprit | Manpreet Manprit | Arjan Arjun | Simran Simren | Johal Johl | Rai Raye |
Öztürk Ozturk Oeztuerk | Yılmaz Yilmaz | Şahin Sahin Shahin | Çelik Celik Chelik | Ömer Omer Umar | Ayşe Ayse Aishe | Eylül Eylul | Mehmet Mehmed Memet | Ceren Jeren | Kılıç Kilic Kilich | Yusufoğlu Yusufoglu |
Oluwaseun Oluwashewun | Segun Shegun Olusegun | Sola Shola | Folasade Folashade | Simisola Simishola | Adesola Adeshola | Oshodi Osodi | Chukwuemeka Chukuemeka | Nwachukwu Nwachuku | Okafor Okafo Okoafor | Eze Ezeh | Kwasi Kwesi Akwasi | Kwadwo Kwadjo Kojo | Akua Akuah Ekua | Efua Afua Effua | Adjoa Adwoa Ajoa | Adeyemi Adeyemmi | Ojo Ojoh |
Mensah Mensa | Owusu Owosu | Osei Ossei | Boateng Boaten Boatang | Asante Ashanti | Agyeman Agyemang Adjeman | Wang Wong Vang | Zhang Chang Cheung | Li Lee Lie | Chen Chan Chin | Xu Hsu Shu | Zhou Chow Chou | Liu Lau Liew | Huang Hwang Wong | Lin Lam Lim | Zhao Chao Chiu | Wu Ng Woo | Yang Yeung Young | Zheng Cheng Jeng | Guo Kuo Kwok | Cai Choi Tsai | Xie Hsieh Tse | Tsang Zeng Tseng |
Xinyi Hsinyi | Zihan Tzuhan | Yuxuan Yuhsuan | Jiayi Chiayi | Siobhán Siobhan | Seán Sean Shaun Shawn | Siân Sian Shan | Rhys Reece Rees | Ffion Fion | Dafydd Davydd David | Llŷr Llyr | Catrin Katrin | Eilidh Ailidh | Mhairi Vari Mairi | Ruaridh Ruairidh Rory | Ó_Súilleabháin O'Sullivan | Ó_Briain O'Brien | Mac_Cárthaigh McCarthy |
João Joao | Gonçalves Goncalves | Luís Luis | Inês Ines | Sousa Souza | Gomes Gomez | Rodrigues Rodriguez | Martins Martínez | Fernandes Fernandez | Sofia Sophia Sofía | Matteo Mateo Matheo | Leonardo Lionardo | Giulia Julia | Chloé Chloe | Zoë Zoe | Müller Mueller Muller | Jürgen Juergen Jurgen | Schäfer Schaefer Schafer | Björn Bjoern Bjorn | Sørensen Soerensen Sorensen`;

/** Spellings that sound alike, where no rule of spelling would say so. */
const sounding = `
Siobhán Siobhan Shivaun Chevonne | Niamh Neve Neave Neev | Caoimhe Keeva Kweeva | Seán Sean Shaun Shawn | Saoirse Sersha Seersha | Aoife Eefa Eefah | Eoin Owen Owain | Eoghan Owen Owain | Tadhg Tige Tyg | Oisín Oisin Osheen Ushin | Ciarán Kieran Kieron Ciaran Keiran | Róisín Roisin Rosheen |
Ruairí Rory Ruari | Gráinne Grainne Grania | Sadhbh Sive Syve | Méabh Maeve Mave Meave | Fiadh Fia Feea | Éabha Ava Ayva | Cillian Killian Kilian | Odhrán Oran Orrin | Sinéad Sinead Shinade Shenade | Aisling Ashling Ashlin | Orlaith Orla | Eilidh Ailey Aylee | Mhairi Varry Vari | Catriona Catrina Katrina | Ruaridh Rory Roary |
Graham Graeme | Stephen Steven Stefan | Catherine Kathryn Katherine Cathryn | Kaitlyn Caitlin Katelyn | Thompson Thomson Tomson | Reid Read Reed | Clarke Clark Clerk | Smith Smyth Smithe | Wright Right Write | Philips Phillips Filips | Phoebe Feebee Febe | Sophie Sofie Sophy | Isla Eyela Ayla | Hugh Hew Huw | Hughes Hews Huws |
Leigh Lee Lea | Michael Micheal Mikel | Jeffrey Geoffrey Jeffery | Zachary Zackary Zacary | Yvonne Evon | Chloe Cloe Khloe | Zoe Zoey Zowie | Mackenzie McKenzie Makenzie | Nicholson Nickelson | Knight Night Nite | Maclean Mclean McClean | Aidan Ayden Aiden | Jayden Jaiden Jaydon | Xavier Zavier | Sian Sharn Shan | Ceri Kerry Keri | Cerys Kerris Keris | Dylan Dillon Dilan | Ioan Yowan | Ieuan Yeian Yayan | Llewelyn Lewellin | Ffion Feeon Fion |
Szymon Shimon Simon | Wojciech Voychek | Krzysztof Kshishtof | Zuzanna Susanna | Mikołaj Mikolai | Małgorzata Malgozata | Łukasz Wukash Lukash | Agnieszka Agneshka | Grzegorz Gzegosh | Nowak Novak | Wójcik Voychik | Kowalski Kovalski Covalski | Lewandowski Levandovski | Wiśniewski Vishnevski | Jankowski Yankovski | Krawczyk Kravchik | Andrzej Andjey | Jagoda Yagoda | Joanna Yoanna |
Nguyen Nwen Win | Zhang Jang | Xiao Shao | Qian Chian | Xinyi Shinyi | Zihan Zuhan | Yuxuan Yushuan | Zhou Joe Jo | Xu Shoo | Ng Ing Eng | Chukwu Chuku | Oluwaseun Oluwashaun | Ngozi Ingozi | Nnamdi Namdi | Kwame Quame | Kwaku Quaku | Kofi Coffee | Akwasi Aquasi | Aarav Arav Arov | Aishwarya Ashwaria | Jyoti Joti | Dhruv Druv | Bhavna Bavna | Khushi Kushi | Bhatt Butt Bat | Thakkar Takkar Thakur | Jatin Jateen | Gurpreet Goorprit | Dhaliwal Daliwal | Dhillon Dilon |
Tiago Thiago Chiago | João Joo-ow Jwow | Guilherme Gilyerme | Joaquín Wakeen | Jorge Horhay | Xavier Shavier | Giulia Julia | Giovanni Jovanni | Chiara Kiara | Ștefan Shtefan Stefan | Ionuț Ionutz | Çağla Chahla | Doğan Doan Dohan | Cem Jem | Can Jan John | Ayşe Aishe | Ahmed Achmed | Khalid Halid | Hussain Hoosain | Yusuf Yoosoof Usuf | Zahra Zarra | Qasim Gasim Kasim | Abdi Abdee | Hodan Hoden | Warsame Warsamay`;

/** Full name to its short forms. */
export const shortForms: ReadonlyMap<string, readonly string[]> = readShort(short);
/** Any name, in lower case, to the other names one person may go by: full to short and short to full. */
export const nicknames: ReadonlyMap<string, readonly string[]> = bothWays(shortForms);
/** Any name, in lower case, to its other spellings. */
export const transliterations: ReadonlyMap<string, readonly string[]> = readGroups(spelled);
/** Any name, in lower case, to spellings that sound like it. */
export const homophones: ReadonlyMap<string, readonly string[]> = readGroups(sounding);

function readShort(text: string): Map<string, string[]> {
  const entries = text.split('|').map((entry) => entry.trim().split(':'));
  return new Map(entries.map(([name, forms]) => [name!, forms!.trim().split(' ')]));
}

function bothWays(forms: ReadonlyMap<string, readonly string[]>): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const add = (name: string, other: string) => {
    const key = name.toLowerCase();
    found.set(key, [...(found.get(key) ?? []), other]);
  };
  for (const [name, list] of forms) {
    for (const form of list) {
      add(name, form);
      add(form, name);
    }
  }
  return found;
}

function readGroups(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const group of text.split('|')) {
    const names = group
      .trim()
      .split(/\s+/)
      .map((name) => name.replace('_', ' '));
    for (const name of names) {
      const key = name.toLowerCase();
      found.set(key, [...(found.get(key) ?? []), ...names.filter((other) => other.toLowerCase() !== key)]);
    }
  }
  return found;
}
